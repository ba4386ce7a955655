"""Maps made of lanelets (lanelet2 and CommonRoad) to road networks."""
