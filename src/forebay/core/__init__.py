"""What is true: windows, states, money, projects and errors. Pure, standard library only."""
