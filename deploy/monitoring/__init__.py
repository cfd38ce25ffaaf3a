"""Rules, dashboard and scrape configuration for Prometheus and Grafana."""
