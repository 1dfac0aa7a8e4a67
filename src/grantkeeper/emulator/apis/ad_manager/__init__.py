"""The part of the Ad Manager API that finds networks: NetworkService over SOAP and over REST."""
