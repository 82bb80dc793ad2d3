#!/usr/bin/python3
"""A thermostat in Python. Needs python3-gi."""

import json

from gi.repository import Gio, GLib

OBJECT = ("io.github.iotc_ha", "/io/github/iotc_ha")
COMPONENT = "thermostat"

bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)


def call(interface, method, types, *arguments):
    """What a method of the daemon returns, as a tuple; None when it refuses, such as by
    io.github.iotc_ha.Error.TimedOut when nobody waits for the answer any more."""
    try:
        return bus.call_sync(*OBJECT, f"io.github.iotc_ha.{interface}", method, GLib.Variant(types, arguments), None,
                             Gio.DBusCallFlags.NONE, -1, None).unpack()
    except GLib.Error as error:
        print(error.message, flush=True)
        return None


def listen(interface, signal, handler):
    """GLib hands on what the owner of the name sends, and nobody else."""
    bus.signal_subscribe(OBJECT[0], f"io.github.iotc_ha.{interface}", signal, OBJECT[1], None,
                         Gio.DBusSignalFlags.NONE, lambda *event: handler(*event[-1].unpack()))


def report(**properties):
    """Reported properties of the component. "__t": "c" tells the cloud that it is one."""
    call("Twin1", "Report", "(s)", json.dumps({COMPONENT: {"__t": "c", **properties}}))


def send_temperature():
    options = {"component": GLib.Variant("s", COMPONENT)}
    if answer := call("Telemetry1", "Submit", "(sa{sv})", json.dumps({"temperature": 21.5}), options):
        print(f"message {answer[0]} is on disk", flush=True)
    return GLib.SOURCE_CONTINUE


def on_desired(patch, version):
    target = json.loads(patch).get(COMPONENT, {}).get("target")
    if isinstance(target, (int, float)) and 5 <= target <= 30:
        code, description = 200, "heating"
    else:
        code, description = 400, "must be 5 to 30"
    call("Twin1", "Acknowledge", "(ssist)", f"{COMPONENT}*target", json.dumps(target), code, description, version)
    print(f"target {target}: {code}", flush=True)


def on_invoked(number, name, _component, payload, _durable):
    print(f"{name} {payload}", flush=True)
    if name == "reset":
        call("Commands1", "Complete", "(tis)", number, 200, json.dumps("done"))
    else:  # calibrate takes a while: its caller is told that it has begun, and later by a property how it went
        call("Commands1", "Complete", "(tis)", number, 202, json.dumps("begun"))
        GLib.timeout_add_seconds(2, lambda: report(calibrated=True) or GLib.SOURCE_REMOVE)


def claim(*_):
    """Called when the daemon comes to the bus, also again: it has forgotten what was claimed before."""
    call("Twin1", "Claim", "(as)", [f"{COMPONENT}*target"])
    call("Commands1", "Claim", "(as)", [f"{COMPONENT}*reset", f"{COMPONENT}*calibrate"])
    report(serial="T-1000")
    send_temperature()


# Listen first: what waits for an answer is told while we claim.
listen("Twin1", "DesiredChanged", on_desired)
listen("Commands1", "Invoked", on_invoked)
Gio.bus_watch_name_on_connection(bus, OBJECT[0], Gio.BusNameWatcherFlags.NONE, claim, None)
GLib.timeout_add_seconds(10, send_temperature)
GLib.MainLoop().run()
