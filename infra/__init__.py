"""How to reach and run what juliu stands on: settings, clients, migrations, Lua, metrics, and the local stack."""
