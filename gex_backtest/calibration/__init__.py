"""How often each rule's headline finds what is not there, and what is: measured on markets whose truth is known."""
