"""Sums by category with lxml's iterparse: lxml_peer.py FORMULATION FILE"""

import sys

from lxml import etree
from totals import Totals

formulation, file = sys.argv[1:]
totals = Totals()


def by_findtext(item):
    return item.findtext("category", ""), item.findtext("price", "")


def by_children(item):
    category = price = ""
    for child in item.iterchildren("category", "price"):
        if child.tag == "price":
            price = child.text or ""
        else:
            category = child.text or ""
    return category, price


fields = by_findtext if formulation == "findtext" else by_children
for _, item in etree.iterparse(file, tag="item", remove_comments=True, remove_pis=True):
    totals.add(*fields(item))
    # As lxml's performance page has it: the element's content, and the empty elements before it.
    item.clear()
    while item.getprevious() is not None:
        del item.getparent()[0]
totals.print()
