"""The local stack: an AWS emulator, an OCR service with a real engine, the deployment into them, a demo."""
