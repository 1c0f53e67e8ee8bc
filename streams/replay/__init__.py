"""History from files: replay directories, and data sets of other shapes that become one."""
