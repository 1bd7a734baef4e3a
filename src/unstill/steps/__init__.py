"""The step that each state of a job asks for; knows no service and no server."""
