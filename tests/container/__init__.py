"""The app's image, built and run beside a real Home Assistant: script/test-container."""
