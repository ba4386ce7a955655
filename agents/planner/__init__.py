"""A vision-language model as a slow planner beside the fast brain, hosted or local."""
