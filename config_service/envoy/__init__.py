"""The control plane of the site's Envoys: who runs what becomes listeners, routes, clusters and endpoints (ADS)."""
