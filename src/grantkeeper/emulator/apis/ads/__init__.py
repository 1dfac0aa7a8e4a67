"""The part of the Google Ads API that account discovery and a first call need. No protobuf in here."""
