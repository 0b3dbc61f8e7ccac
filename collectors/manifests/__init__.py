"""Manifests as people have them, read and validated as the API server would."""

from collectors.manifests.reading import Manifests as Manifests, read as read
