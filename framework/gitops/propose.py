def open_pull_request(*, remote: str, branch: str, base: str, title: str, body: str, token: str | None) -> str:
    return ""
