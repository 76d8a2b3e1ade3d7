"""The vocabulary: ids, values, actions, events, decisions, refusals, views, the codec. No I/O."""
