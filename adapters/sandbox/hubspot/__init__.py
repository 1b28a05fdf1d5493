"""A local stand-in for HubSpot that speaks its wire protocol."""

from adapters.sandbox.hubspot.app import SandboxHubSpot

__all__ = ["SandboxHubSpot"]
