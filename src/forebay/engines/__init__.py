"""Where tokens come from: HTTP engines, the embedded one, and the pools of their replicas."""
