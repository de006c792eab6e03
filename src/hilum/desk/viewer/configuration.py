"""`app-config.js`: what the viewer is told about this server."""

import json
from collections.abc import Mapping
from typing import Any, Final

_ROOT: Final = "@ROOT@"


def app_config(public_url: str, prefix: str, base: str, dicomweb: str) -> str:
    """The script that OHIF reads before it starts.

    `prefix` is the path that a proxy puts before all of ours, `base` the viewer's whole path,
    `dicomweb` the path of the surface it uses below `prefix`. Addresses begin with the origin that
    the browser used, whatever its name is, so that it never asks another one; where metadata name
    the one of `public_url` for bulk data, it is replaced.
    """
    config = json.dumps(_config(base, public_url + dicomweb if public_url else ""), indent=2)
    root = json.dumps(prefix + dicomweb)
    library = json.dumps(f"{base}/${{component}}/")
    return (
        "// Made by Hilum for the address that this was asked for at.\n"
        f"window.PUBLIC_LIB_URL = {library};\n"
        f"window.config = (root => ({_with_root(config)}))(window.location.origin + {root});\n"
    )


def _with_root(config: str) -> str:
    return config.replace(f'"{_ROOT}"', "root").replace(f'"{_ROOT}/', 'root + "/')


def _config(base: str, told_root: str) -> Mapping[str, Any]:
    return {
        "name": "hilum",
        "routerBasename": base,
        "extensions": [],
        "modes": [],
        "customizationService": {},
        "showStudyList": True,
        "maxNumberOfWebWorkers": 3,
        "showWarningMessageForCrossOrigin": True,
        "showCPUFallbackMessage": True,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "groupEnabledModesFirst": True,
        # Browsers open six connections to a server that speaks HTTP/1.1; what waits in the queue
        # of the viewer can still be overtaken by what the user looks at, on the wire nothing can.
        "maxNumRequests": {"interaction": 20, "thumbnail": 5, "prefetch": 10},
        "showErrorDetails": "always",
        "defaultDataSourceName": "hilum",
        "dataSources": [
            {
                "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
                "sourceName": "hilum",
                "configuration": _data_source(told_root),
            }
        ],
    }


def _data_source(told_root: str) -> Mapping[str, Any]:
    moved = {"startsWith": told_root, "prefixWith": _ROOT} if told_root else {}
    return {
        "friendlyName": "Hilum",
        "name": "hilum",
        "qidoRoot": _ROOT,
        "wadoRoot": _ROOT,
        "wadoUriRoot": f"{_ROOT}/wado",
        "qidoSupportsIncludeField": True,
        "imageRendering": "wadors",
        # By `fetch` the study list shows them, too, and a request that is not needed any more ends.
        "thumbnailRendering": "thumbnail",
        "thumbnailRequestStrategy": "fetch",
        "enableStudyLazyLoad": True,
        # Wild cards find a text anywhere in the value; fuzzy matching would find beginnings only.
        "supportsWildcard": True,
        "supportsFuzzyMatching": False,
        # With `staticWado` the viewer would filter once more, with case and with accents, and hide
        # what our search found without them.
        "staticWado": False,
        "supportsReject": False,
        "dicomUploadEnabled": True,
        "singlepart": "bulkdata,video,pdf",
        "bulkDataURI": {"enabled": True, "relativeResolution": "studies", **moved},
        "omitQuotationForMultipartRequest": True,
    }
