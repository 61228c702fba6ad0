"""esMessages and popups: kept per employee, pushed to every machine the employee is signed in on."""
