"""The journal's balances are ours: what Beancount adds up for an organization is what the API says.

Takes the journal's path. `bean-check` has been run on it before.
"""

import json
import os
import sys
import urllib.request
from collections import defaultdict
from decimal import Decimal

from beancount import loader
from beancount.core.data import Balance, Open, Transaction


def read_balance():
    url, key = os.environ["BILLING_URL"], os.environ["BILLING_API_KEY"]
    request = urllib.request.Request(f"{url}/v1/balance", headers={"x-api-key": key})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def main():
    entries, errors, _ = loader.load_file(sys.argv[1])
    if errors:
        sys.exit("\n".join(str(error) for error in errors))
    sums = defaultdict(Decimal)
    transactions = [entry for entry in entries if isinstance(entry, Transaction)]
    for transaction in transactions:
        for posting in transaction.postings:
            sums[posting.account] += posting.units.number
    assertions = [entry for entry in entries if isinstance(entry, Balance)]
    if not transactions or not assertions:
        sys.exit("the journal has no transactions, or asserts no balance")
    # Those that Beancount has compared with its own sums: nobody's account may be missing.
    opened = {entry.account for entry in entries if isinstance(entry, Open)}
    asserted = {entry.account for entry in assertions}
    if opened != asserted or not set(sums) <= opened:
        sys.exit(f"no balance is asserted of {sorted((opened | set(sums)) - asserted)}")

    # What we owe to an organization stands below zero in a journal, and what it owes above.
    prefix = f":Org-{os.environ['BILLING_ORGANIZATION_ID']}:"
    own = {account: total for account, total in sums.items() if prefix in account}
    # What is held for requests that run is in no account, so it is in no journal either.
    balance = read_balance()["balance"]
    journal = -sum(own.values(), Decimal(0))
    if Decimal(balance) != journal:
        sys.exit(f"balance: ours is {balance}, the journal's is {journal}")
    if sum(sums.values()) != 0:
        sys.exit("the journal's debits are not its credits")
    print(
        f"{len(transactions)} transactions, {len(assertions)} asserted balances; "
        f"the organization has {balance} dollars in both"
    )


main()
