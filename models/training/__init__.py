"""How `tillsight-small` is made: photos, rendered packages, network, losses and export."""
