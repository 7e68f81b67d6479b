"""Alerts: people are told once of each problem, reminded while it lasts, and told when it is over.

``problems`` says what is wrong with the fleet, ``health.telling`` what is with what it rests on;
``schedule`` says who is to hear of it now, ``messages`` how it is put, ``delivery`` brings it
there, ``memory`` remembers it, and ``telling`` joins them.
"""
