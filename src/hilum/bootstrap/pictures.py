"""What draws stored images."""

from hilum.adapters.database.sql_index import SqlIndex
from hilum.bootstrap.options import header_limits
from hilum.catalogue.documents import DocumentLimits, Documents
from hilum.catalogue.frames import Frames
from hilum.catalogue.many_pictures import DrawInstances
from hilum.catalogue.pictures import PictureBounds, Pictures
from hilum.catalogue.shown_images import ShownImages
from hilum.catalogue.thumbnails import Thumbnails
from hilum.outbound.dicomweb.document_sender import DocumentResponder
from hilum.outbound.dicomweb.rendered import PictureServices
from hilum.ports.derived import DerivedStore
from hilum.ports.objects import ObjectStore
from hilum.ports.pixels import PictureEngine
from hilum.settings import Settings


def make_pictures(
    settings: Settings,
    index: SqlIndex,
    objects: ObjectStore,
    frames: Frames,
    engine: PictureEngine,
    derived: DerivedStore | None,
) -> PictureServices:
    """The use cases that draw; nothing is read or started before it is needed."""
    retrieve = settings.retrieve
    shown = ShownImages(
        index,
        objects,
        header_limits=header_limits(settings),
        header_bytes=retrieve.drawn_header_bytes,
        memory_bytes=retrieve.shown_images_bytes,
    )
    bounds = PictureBounds(
        decoded_frame_bytes=retrieve.decoded_frame_bytes,
        moving_frames=retrieve.moving_frames,
        drawing_memory_bytes=retrieve.drawing_memory_bytes,
        pictures_per_request=retrieve.pictures_per_request,
        held_pictures_bytes=retrieve.held_pictures_bytes,
        maximum_frame_bytes=settings.pixels.maximum_frame_bytes,
        maximum_picture_pixels=settings.pixels.maximum_picture_pixels,
    )
    pictures = Pictures(frames, shown, engine, bounds, derived)
    documents = Documents(
        index,
        objects,
        header_limits(settings),
        DocumentLimits(retrieve.whole_object_bytes, retrieve.report_bytes),
    )
    return PictureServices(
        pictures,
        DrawInstances(pictures, index, retrieve.page_instances),
        Thumbnails(pictures, index, index),
        DocumentResponder(documents, retrieve.cache_seconds),
    )
