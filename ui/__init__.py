"""The browser page: Gradio Blocks with own components; no chemistry and no model of its own."""
