"""Online scoring: `keepfit serve` follows the champions, answers typed requests, and writes every answer down."""
