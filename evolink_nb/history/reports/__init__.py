"""The results of looking back, as a table and a chart."""
