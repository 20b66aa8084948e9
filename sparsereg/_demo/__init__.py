"""The demo behind ``python -m sparsereg``: the main job, on docstrings or on the user's own data.

`cli` reads the command line; `docstrings`, `table` and `svmlight` turn an input into a `task.Task`; `compare`
fits the three models; `movement` records how their weights move; `report` and `picture` show it. Nothing here
is public.
"""
