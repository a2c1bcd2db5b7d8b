"""From files to cases, patches and back; knows no method."""
