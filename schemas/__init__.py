"""The vocabulary: ids, values, actions, events, decisions, refusals, views and the codec. No I/O."""
