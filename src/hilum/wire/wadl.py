"""A description of capabilities as WADL (W3C Member Submission of 31 August 2009)."""

from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from hilum.wire.capabilities import Answer, Method, Parameter, Resource

NAMESPACE: Final = "http://wadl.dev.java.net/2009/02"
_SCHEMA: Final = "http://www.w3.org/2001/XMLSchema"


def wadl(service: Resource, title: str, base: str) -> bytes:
    """The document: one `application` with one `resources`, whose base is `base` (Annex H)."""
    application = Element("application", {"xmlns": NAMESPACE, "xmlns:xs": _SCHEMA})
    SubElement(application, "doc", {"title": title})
    # Relative references are resolved against the base, which therefore ends with a slash.
    resources = SubElement(application, "resources", {"base": f"{base}/"})
    for child in service.children.values():
        _resource(resources, child)
    indent(application)
    document: bytes = tostring(application, encoding="utf-8", xml_declaration=True)
    return document


def _resource(parent: Element, resource: Resource) -> None:
    element = SubElement(parent, "resource", {"path": resource.segment})
    if resource.segment.startswith("{"):
        about = {"name": resource.segment[1:-1], "style": "template", "type": "xs:string"}
        SubElement(element, "param", about | {"required": "true"})
    for method in resource.methods:
        _method(element, method)
    for child in resource.children.values():
        _resource(element, child)


def _method(parent: Element, method: Method) -> None:
    element = SubElement(parent, "method", {"name": method.name, "id": method.id})
    SubElement(element, "doc", {"title": method.title})
    if method.parameters or method.takes:
        request = SubElement(element, "request")
        for parameter in method.parameters:
            _parameter(request, parameter)
        _representations(request, method.takes)
    for answer in method.answers:
        _answer(element, answer)


def _parameter(parent: Element, parameter: Parameter) -> None:
    about = {"name": parameter.name, "style": parameter.style, "type": "xs:string"}
    element = SubElement(parent, "param", about)
    if parameter.title:
        SubElement(element, "doc", {"title": parameter.title})
    for option in parameter.options:
        SubElement(element, "option", {"value": option})


def _answer(parent: Element, answer: Answer) -> None:
    element = SubElement(parent, "response", {"status": answer.status})
    SubElement(element, "doc", {"title": answer.title})
    _representations(element, answer.media_types)


def _representations(parent: Element, media_types: tuple[str, ...]) -> None:
    for media_type in media_types:
        SubElement(parent, "representation", {"mediaType": media_type})
