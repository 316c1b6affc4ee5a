"""The tick: six pure, compiled stages from book to intents."""
