"""The charts of a report, in Vega-Lite. They name their data; the page fills it in and filters it."""
