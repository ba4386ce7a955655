"""A campaign: stages that turn a robot's own failures into a better brain, each kept for ever."""
