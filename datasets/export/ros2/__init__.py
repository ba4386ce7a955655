"""ROS 2 bags, an episode a bag, with the message types that ROS tools know; written without ROS."""
