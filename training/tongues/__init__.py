"""Free speech in the five languages beside English: homes, references, requests, second turns."""
