"""MySQL 8 or MariaDB 10.11: tables, connections and migrations, in what both of them understand."""
