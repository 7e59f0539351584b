"""Sums by category with xml.etree's iterparse (its accelerator in C): etree_peer.py FORMULATION FILE"""

import sys
from xml.etree.ElementTree import iterparse

from totals import Totals

formulation, file = sys.argv[1:]
totals = Totals()


def items_below_root(events):
    _, root = next(events)
    for event, element in events:
        if event == "end" and element.tag == "item":
            yield element
            root.clear()


def items(events):
    for _, element in events:
        if element.tag == "item":
            yield element
            element.clear()


if formulation == "start+end":
    found = items_below_root(iterparse(file, events=("start", "end")))
elif formulation == "end":
    found = items(iterparse(file, events=("end",)))
for item in found:
    totals.add(item.findtext("category", ""), item.findtext("price", ""))
totals.print()
