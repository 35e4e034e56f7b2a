"""From a finished bundle to devices: signatures, archives, the service, deploying over ssh."""
