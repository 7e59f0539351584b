"""Sums by category with expat in Python: expat_peer.py FORMULATION FILE"""

import sys
from xml.parsers import expat

from totals import Totals

formulation, file = sys.argv[1:]
totals = Totals()
parser = expat.ParserCreate()
parser.buffer_text = True
parser.ordered_attributes = True

depth = record_depth = 0
field = category = price = ""
texts = []


def start(name, _):
    global depth, record_depth, field, category, price
    depth += 1
    if record_depth == 0:
        if name == "item":
            record_depth = depth
            category = price = ""
    elif depth == record_depth + 1 and (name == "category" or name == "price"):
        field = name
        texts.clear()
        if formulation == "wanted":
            parser.CharacterDataHandler = texts.append


def end(_):
    global depth, record_depth, field, category, price
    if depth == record_depth + 1 and field:
        if field == "price":
            price = "".join(texts)
        else:
            category = "".join(texts)
        field = ""
        if formulation == "wanted":
            parser.CharacterDataHandler = None
    elif depth == record_depth:
        totals.add(category, price)
        record_depth = 0
    depth -= 1


def text(more):
    if field:
        texts.append(more)


parser.StartElementHandler = start
parser.EndElementHandler = end
if formulation == "all":
    parser.CharacterDataHandler = text
with open(file, "rb") as source:
    while piece := source.read(1 << 20):
        parser.Parse(piece, False)
    parser.Parse(b"", True)
totals.print()
