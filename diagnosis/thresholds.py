"""Thresholds that rules and screens share."""

from __future__ import annotations

STEAL = 10.0  # per cent (awesome-prometheus-alerts, _data/rules.yml:220)
SOFTIRQ = 50.0  # per cent of one CPU; a convention
