"""Print the Google Ads accounts that a customer's grant reaches. Run: python script.py OWNER."""

import sys

from grantkeeper import Keeper
from grantkeeper.clients import google_ads, google_auth

with Keeper.from_env() as keeper:
    grant = keeper.find(sys.argv[1], "google-ads")
    ads = google_ads.client(keeper, grant.id)
    with google_auth.api_errors(ads):
        found = ads.get_service("CustomerService").list_accessible_customers()
    print(*found.resource_names, sep="\n")
