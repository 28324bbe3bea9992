"""capi2kit: where did the seconds of a Windows CAPI2 log go?"""

__version__ = "0.1.0"
