"""An episode to look at: one static HTML file, a contact sheet, a film."""
