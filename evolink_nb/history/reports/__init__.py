"""What a look back shows: results as a table and a chart."""
