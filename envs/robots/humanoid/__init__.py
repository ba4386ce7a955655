"""The humanoid: its body, its kinematics, its walking, its senses."""
