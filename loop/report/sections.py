"""The sections of the page, each from a part of the story."""

from __future__ import annotations

from html import escape

from fleetloop.loop.report.gather import WATTS_PER_CORE, Story
from fleetloop.loop.report.html import note, panel, section, table
from fleetloop.loop.report.svg import bar

_LESSONS = ("physics", "recognition", "navigation")


def decisions(story: Story) -> str:
    """Why each candidate was promoted or rejected."""
    rows = []
    for number, told in story.decisions.items():
        verdict = (
            '<span class="good">promoted</span>' if told["promoted"]
            else '<span class="bad">rejected</span>'
        )  # fmt: skip
        tests = "; ".join(
            f"{escape(_short(task))} {test['gained']} gained, {test['lost']} lost, "
            f"p = {test['p']:.2g}"
            for task, test in told["paired"].items()
        )
        lost = ", ".join(told["lost"]) or "none"
        rows.append(
            (str(number), verdict, tests, f"{told['holds']} of {told['scenarios']}",
             str(len(told["solved"])), escape(lost))
        )  # fmt: skip
    head = ("round", "candidate", "dev cases, against the champion", "scenarios held", "solved now",
            "lost")  # fmt: skip
    limit = story.config.promote
    return section(
        "Promotion",
        panel(
            table(head, rows)
            + note(
                f"A candidate is rejected if McNemar's test on the dev cases finds it worse at "
                f"p < {limit.significance}, or if it fails at more than {limit.may_lose} frozen "
                "scenarios that the champion had solved. Scenarios are failures of earlier rounds."
            )
        ),
    )


def films(story: Story) -> str:
    """The last seconds of failures, with the command that runs each again."""
    if not story.films:
        return section("Failures", panel("<p>The last brain failed at no test case.</p>"))
    parts = []
    for number, film in enumerate(story.films, start=1):
        end = film.times_s[-1] if film.times_s else 0.0
        pictures = "".join(
            f'<figure><img alt="{escape(_short(film.task))}, {end - t_s:.1f} s before its end" '
            f'src="data:image/jpeg;base64,{picture}">'
            f"<figcaption>{f'-{end - t_s:.1f} s' if t_s < end else 'end'}</figcaption></figure>"
            for t_s, picture in zip(film.times_s, film.pictures, strict=True)
        )
        command = (
            f"fleetloop rerun {film.scenario} --brain {story.brain} --out runs/failure-{number}"
        )
        parts.append(
            f'<div class="panel film"><h3>{escape(_short(film.task))}: '
            f'<span class="bad">{escape(film.cause.replace("_", " "))}</span> after {end:.1f} s'
            "</h3>"
            f'<div class="strip">{pictures}</div><pre>{escape(command)}</pre></div>'
        )
    return section("Failures of the last brain", "".join(parts))


def lessons(story: Story) -> str:
    """Scores of the three lessons by round."""
    rows = []
    for number, by_task in story.lessons.items():
        for task, scores in by_task.items():
            cells = [
                f"{bar(scores[name])}{scores[name]:.2f}" if name in scores else "not asked"
                for name in _LESSONS
            ]
            rows.append((str(number), escape(_short(task)), *cells))
    text = (
        "Physics: how the body moves in the next half second, and whether it will stop, fall or "
        "collide within two. Recognition: how far things are in sixteen directions, and what they "
        "are. Navigation: progress and place on the way. 1 is right, 0 no better than the mean, "
        "less is worse than that, cut at -1 for each question. Scored on the frames of each round, "
        "a part of which that round's brain was taught."
    )
    return section("Three lessons", panel(table(("round", "task", *_LESSONS), rows) + note(text)))


def clips(story: Story) -> str:
    """What the triggers chose."""
    rounds = list(story.clips)
    names = sorted({name for found in story.clips.values() for name in found})
    rows = [
        (escape(name.replace("_", " ")), *(str(story.clips[n].get(name, 0)) for n in rounds))
        for name in names
    ]
    rows.append(("all", *(str(sum(story.clips[n].values())) for n in rounds)))
    return section(
        "What the triggers chose",
        panel(
            table(("frames by trigger", *(f"round {n}" for n in rounds)), rows)
            + note("Plain frames are drawn at random, against forgetting.")
        ),
    )


def shadows(story: Story) -> str:
    """Where candidate and champion differ on the same frames."""
    rows = []
    for number, told in story.shadows.items():
        for task, found in told["tasks"].items():
            rows.append(
                (str(number), escape(_short(task)), str(found["rows"]), f"{found['mean_gap']:.3f}",
                 f"{found['large_gap']:.0%}", f"{found['champion_error']:.3f}",
                 f"{found['candidate_error']:.3f}")
            )  # fmt: skip
    head = ("round", "task", "decisions", "mean difference", "over 0.25", "champion off the expert",
            "candidate off the expert")  # fmt: skip
    return section(
        "Shadow mode",
        panel(
            table(head, rows)
            + note(
                "Both brains answer the same logged observations; neither acts. Differences are of "
                "actions, whose ranges go from -1 to 1, the largest of an action's numbers."
            )
        ),
    )


def ablations(story: Story) -> str:
    """What is left without cameras, or with a goal that nobody asked for."""
    names = {"whole": "as it is", "blind": "cameras covered", "shuffled": "goal shuffled"}
    rows = []
    for task, by_how in story.ablations.items():
        cells = [
            f"{bar(by_how[how][0])}{by_how[how][0]:.0%} "
            f"[{by_how[how][1]:.0%}, {by_how[how][2]:.0%}]"
            if how in by_how else "not run"
            for how in names
        ]  # fmt: skip
        rows.append((escape(_short(task)), *cells))
    return section(
        "Does it need what it is shown?",
        panel(
            table(("dev cases", *names.values()), rows)
            + note(
                "A policy that needs its cameras and its request fails without them. Words are "
                "made into a task and a goal before the brain acts, so a shuffled goal is a "
                "request that nobody made."
            )
        ),
    )


def auto_labels(story: Story) -> str:
    """Labels from the future of a clip, against the simulator's truth."""
    told = story.auto_labels
    if not told:
        return section("Labels from the future", panel("<p>No body here has odometry.</p>"))
    rows = [
        ("motion forward in the next 0.5 s", f"{told['forward_m']:.3f} m",
         f"{told['as_now_forward_m']:.3f} m"),
        ("turn in the next 0.5 s", f"{told['turn_rad']:.4f} rad",
         f"{told['as_now_turn_rad']:.4f} rad"),
    ]  # fmt: skip
    stops = (
        f"Stops within two seconds: {told['stops_both']:.0f} found by both, "
        f"{told['stops_only_auto']:.0f} by odometry alone, {told['stops_only_truth']:.0f} by the "
        f"truth alone, {told['stops_neither']:.0f} by neither."
    )
    return section(
        "Labels from the future, without a simulator",
        panel(
            table(
                ("root mean square error", "from the clip's future", "from the present alone"), rows
            )
            + note(
                f"{stops} Odometry of wheels and gyroscope over {told['rows']:.0f} decisions, "
                "compared with the true motion. The brain was taught by the truth."
            )
        ),
    )


def lineage(story: Story) -> str:
    """Where the last brain comes from."""
    found = story.ancestry
    rows = [
        ("brain", f"<code>{found.weights_sha256[:16]}</code>"),
        ("trainings, newest first", " ← ".join(f"<code>{w[:10]}</code>" for w in found.trainings)),
        ("labelled decisions", str(found.rows)),
        *((f"episodes: {escape(name)}", str(len(seeds))) for name, seeds in found.seeds.items()),
        ("stages on the way", str(found.stages)),
        ("versions", escape(", ".join(f"{n} {v}" for n, v in sorted(found.versions.items())))),
        ("held-out worlds taught", escape("; ".join(story.leaks)) or "none"),
    ]
    command = f"fleetloop lineage {story.brain}"
    return section("Lineage", panel(table(("", ""), rows) + f"<pre>{escape(command)}</pre>"))


def costs(story: Story) -> str:
    """Processor time and energy by kind of stage."""
    total = sum(cpu for cpu, _, _ in story.costs.values())
    rows = [
        (
            escape(kind),
            str(jobs),
            f"{cpu:.0f}",
            f"{bar(cpu / total if total else 0)}{cpu / total:.0%}",
        )
        for kind, (cpu, _, jobs) in sorted(story.costs.items(), key=lambda item: -item[1][0])
    ]
    rows.append(("all", str(sum(jobs for _, _, jobs in story.costs.values())), f"{total:.0f}", ""))
    energy = total * WATTS_PER_CORE / 3600.0
    return section(
        "Cost",
        panel(
            table(("stage", "jobs", "CPU-s", "part"), rows)
            + note(
                f"Energy: {total:.0f} CPU-s x {WATTS_PER_CORE:.0f} W a busy core / 3600 = about "
                f"{energy:.1f} Wh. The power is assumed, not measured."
            )
        ),
    )


def _short(task: str) -> str:
    return task.split("/")[-1].removesuffix("-v0")
