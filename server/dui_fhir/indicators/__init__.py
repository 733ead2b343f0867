"""Usage indicators: definitions of the plugins, counted over a structure and a period, told as MeasureReports with a proof."""
