"""`juliu bench`: what a running installation does, measured from outside."""
