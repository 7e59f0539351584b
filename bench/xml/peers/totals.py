"""What the peers in Python add up."""

import sys


class Totals:
    """Records and cents by category. A price has two digits behind the point, so that its digits are cents; empty: none."""

    def __init__(self):
        self.all = {}

    def add(self, category, price):
        total = self.all.get(category)
        if total is None:
            total = self.all[category] = [0, 0]
        total[0] += 1
        if price:
            total[1] += int(price.replace(".", ""))

    def print(self):
        for category, (records, cents) in self.all.items():
            line = f"{category}\t{records}\t{cents // 100}.{cents % 100:02}\n"
            sys.stdout.buffer.write(line.encode())
