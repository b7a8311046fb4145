"""doctor: what is wrong with a stack, the shell and the OCR service, and the command that mends each."""

from __future__ import annotations

import shlex

import typer

from textdrop.cli.shell import FINE, SOME_FAILED, Shell


def doctor(context: typer.Context) -> None:
    """Find what is wrong, and the command that mends it."""
    from textdrop.cli.examining import WRONG, Typed, examined

    shell: Shell = context.obj
    textdrop = shell.textdrop
    typed = Typed(shlex.join(["textdrop", *shell.named()]), shlex.join(["aws", *shell.session_named()]))
    findings = []
    for finding in examined(textdrop, typed):
        findings.append(finding)
        shell.say(f"{finding.state:<15}  {finding.name}: {finding.what}")
        if finding.mend:
            shell.say(f"{'':<15}  -> {finding.mend}")
    wrong = [finding for finding in findings if finding.state == WRONG]
    shell.say(f"{len(wrong)} wrong." if wrong else "Nothing wrong was found.")
    shell.answer({"findings": findings})
    raise typer.Exit(SOME_FAILED if wrong else FINE)
