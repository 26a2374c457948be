"""What is plugged in where. Nothing imports this room; settings are read through `django.conf`."""
